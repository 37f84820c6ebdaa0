from .arrays import (
    LabelledArrays as LabelledArrays,
    Target as Target,
    labelled_arrays as labelled_arrays,
    map_npy as map_npy,
    read_npz as read_npz,
)
from .batches import Batches as Batches
from .chosen_parameters import chosen_parameters as chosen_parameters
from .corruptions.registry import (
    Corruption as Corruption,
    added_corruptions as added_corruptions,
    all_corruptions as all_corruptions,
    corruption_registry as corruption_registry,
)
from .dealing import Dealing as Dealing, sizes_of as sizes_of
from .deriving import derive as derive
from .digits import DIGITS as DIGITS, load_digits_images as load_digits_images
from .finite import check_finite as check_finite
from .folder import folder_labels as folder_labels, read_class_folders as read_class_folders
from .folders import ClassFolders as ClassFolders, open_class_folders as open_class_folders
from .folders.decode import Form as Form, Look as Look, decode as decode, look_at as look_at
from .folders.left_out import converted as converted
from .folders.walk import is_hidden as is_hidden
from .image_set import LabelledSet as LabelledSet
from .image_sets import (
    read_suite as read_suite,
    set_checksums as set_checksums,
    suite_classes as suite_classes,
    suite_notes as suite_notes,
    written_checksums as written_checksums,
)
from .imagenet import imagenet_names as imagenet_names, imagenet_wnids as imagenet_wnids
from .images import (
    LabelledImages as LabelledImages,
    concatenate as concatenate,
    content_digest as content_digest,
    load_npz as load_npz,
    save_npz as save_npz,
)
from .importers.c import EXTRA_CORRUPTIONS as EXTRA_CORRUPTIONS, SEVERITY_FOLDERS as SEVERITY_FOLDERS
from .importers.layout import Entry as Entry, Layout as Layout
from .importers.registry import Importer as Importer
from .importers.source import Source as Source
from .pixels import Floats as Floats
from .prepare import Prepare as Prepare
from .seeds import generator as generator
from .sharded import (
    StoredImages as StoredImages,
    StoredPixels as StoredPixels,
    load_index as load_index,
    read_stored as read_stored,
    relabelled as relabelled,
    save_index as save_index,
)
from .shards.decoded import (
    ShardImages as ShardImages,
    is_shards as is_shards,
    shards_fingerprint as shards_fingerprint,
)
from .shards.samples import (
    Samples as Samples,
    open_samples as open_samples,
    open_shards as open_shards,
)
from .shifts.pieces import Pool as Pool
from .shifts.registry import (
    BUILT_IN as BUILT_IN,
    Shift as Shift,
    Sources as Sources,
    image_by_image as image_by_image,
    render as render,
    shift as shift,
    shift_registry as shift_registry,
    shifts_in_order as shifts_in_order,
)
