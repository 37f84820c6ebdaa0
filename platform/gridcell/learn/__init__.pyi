from .checkpoint import CheckpointStore as CheckpointStore
from .classifier import Classifier as Classifier
from .fitting import fit as fit
from .gathering import gather as gather, whole_batches as whole_batches
from .optimisers import Optimisation as Optimisation
from .placement import Placed as Placed, device_of as device_of
from .precision import mixed_precision as mixed_precision, tensor_float32 as tensor_float32
from .randomness import seed_everything as seed_everything
from .sharding import own_part as own_part, sum_of_parts as sum_of_parts
from .validation import Validation as Validation
