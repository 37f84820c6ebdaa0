from . import style as style
from .bar_plot import grouped_bars as grouped_bars
from .drawing import Drawing as Drawing, Spot as Spot, belongs as belongs
from .files import save_figure as save_figure
from .forest_plot import Ranking as Ranking, forest as forest
from .frames import bars as bars, lines as lines, matrix as matrix
from .heatmap_plot import heatmap as heatmap
from .line_plot import Curve as Curve, curves as curves
from .matrices import Matrices as Matrices
from .numbers import interval as interval, short as short, signed as signed
from .panels import Legend as Legend, Panels as Panels, panel_title as panel_title
from .radar_plot import radar as radar
from .scatter_plot import Points as Points, scatter as scatter
from .tradeoff_plot import Estimates as Estimates, Way as Way, pareto as pareto, tradeoff as tradeoff
