"""From raw data to bits: arrays, streams and folders, and what can't be measured."""

import tracemalloc

import numpy as np
import pytest

from generalization_difficulty import Classification, measure, measure_arrays
from generalization_difficulty.cells.measure import Progress
from generalization_difficulty.data.batches import ArrayBatches
from generalization_difficulty.data.files import fingerprint, open_data
from generalization_difficulty.estimate.cloud import frame_of
from generalization_difficulty.estimate.options import resolved
from generalization_difficulty.estimate.sample import first_pass
from gridcell.data.seeds import generator
from gridcell.data.shards.write import import_set
from gridcell.errors import UserError


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return random.integers(0, 256, (150, 6, 6, 3), dtype=np.uint8), random.integers(0, 3, 150)


def record(found):
    return {**found.to_record(), "log2_bits": found.difficulty.log2_bits}


def test_ingredients_of_images(images):
    points, labels = images
    found = measure_arrays(points, labels, eps=0.01)
    flat = points.reshape(150, -1) / 255
    distances = np.sqrt(np.square(flat[:, None] - flat).sum(axis=2))
    across = np.where(labels[:, None] == labels, np.inf, distances)
    assert found.task.n == 150
    assert found.task.classes == 3
    assert found.task.radius == pytest.approx(np.linalg.norm(flat, axis=1).max())
    assert found.delta_sample == pytest.approx(across.min(), rel=1e-12)
    nearest = np.sort(distances, axis=1)[:, 1:6]
    assert found.m_estimate == pytest.approx(1 / np.log(nearest[:, 4:] / nearest[:, :4]).mean(), rel=1e-9)
    assert found.task.m == round(found.m_estimate)
    assert found.difficulty == found.task.difficulty()


def test_streams_give_what_arrays_give(images):
    points, labels = images
    cuts = [(points[i : i + 31], labels[i : i + 31]) for i in range(0, 150, 31)]
    names = np.array(["cat", "dog", "eel"])
    of_array = record(measure_arrays(points, labels, eps=0.01, seed=3))
    assert record(measure(cuts, eps=0.01, seed=3)) == of_array
    assert record(measure(lambda: iter(cuts), eps=0.01, seed=3)) == of_array
    assert record(measure_arrays(points, names[labels], eps=0.01, seed=3)) == of_array


def test_webdataset_shards(images, tmp_path):
    wds = pytest.importorskip("webdataset")
    points, labels = images
    with wds.TarWriter(str(tmp_path / "a-000.tar")) as shard:
        for number, (image, label) in enumerate(zip(points, labels, strict=True)):
            shard.write({"__key__": f"{number:04}", "png": image, "cls": int(label)})
    shards = wds.WebDataset(str(tmp_path / "a-000.tar"), shardshuffle=False)
    batches = shards.decode("rgb8").to_tuple("png", "cls").batched(32)
    assert record(measure(batches, eps=0.01)) == record(measure_arrays(points, labels, eps=0.01))


def test_data_larger_than_memory_are_sampled_and_the_sample_told(images):
    points, labels = images
    found = measure_arrays(points, labels, eps=0.01, memory=100 * points[0].size)
    assert found.held == found.m_points == 100
    assert found.task.n == 150
    whole = measure_arrays(points, labels, eps=0.01)
    assert (found.delta_exact, found.delta_points) == (whole.delta_exact, 150)  # other passes, all pairs
    assert found.delta_pair == whole.delta_pair
    sampled = measure_arrays(points, labels, eps=0.01, memory=100 * points[0].size, resolution="sample")
    assert sampled.delta_points == 100
    assert sampled.delta_sample >= whole.delta_exact


def test_seeds_draw_other_samples_and_repeat(images):
    points, labels = images
    options = {"eps": 0.01, "queries": 50, "subset": 50, "pairs": 500}
    one, again, other = (record(measure_arrays(points, labels, seed=s, **options)) for s in (0, 0, 1))
    assert one == again
    assert one["m_estimate"] != other["m_estimate"]


def test_what_is_known_is_not_estimated(images):
    found = measure_arrays(*images, eps=0.01, m=7, resolution=0.5)
    expected = Classification(n=150, m=7, radius=found.task.radius, classes=3, delta=0.5, eps=0.01)
    assert found.task == expected
    assert (found.m_estimate, found.m_points) == (None, 0)


def test_arrays_on_disk_and_folders(images, tmp_path):
    from PIL import Image

    points, labels = images
    np.savez(tmp_path / "a.npz", x=points, y=labels)
    np.save(tmp_path / "p.npy", points)
    np.save(tmp_path / "l.npy", labels)
    for number, (image, label) in enumerate(zip(points, labels, strict=True)):
        folder = tmp_path / "images" / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:03}.png")
    expected = record(measure_arrays(points, labels, eps=0.01, resolution="sample"))
    import_set("folder", [tmp_path / "images"], str(tmp_path / "shards"))
    opened = {
        "shards": open_data(str(tmp_path / "shards")),
        "npz": open_data(str(tmp_path / "a.npz")),
        "npy": open_data(str(tmp_path / "p.npy"), str(tmp_path / "l.npy")),
        "folder": open_data(str(tmp_path / "images")),
    }
    for name, batches in opened.items():
        found = record(measure(batches, eps=0.01, resolution="sample"))
        for key in ("n", "m", "radius", "classes", "delta", "log2_bits"):
            assert found[key] == pytest.approx(expected[key], rel=1e-9), (name, key)


def test_fingerprints_tell_contents_apart_and_not_places(images, tmp_path):
    points, labels = images
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=points, y=labels)
    np.savez(tmp_path / "c.npz", x=points, y=labels[::-1])
    a, b, c = (fingerprint(str(tmp_path / f"{name}.npz")) for name in "abc")
    assert a == b != c


def bad(points, labels, **change):
    points, labels = points.astype(float), labels.copy()
    if change.get("nan"):
        points[4, 1, 1, 0] = np.nan
    if change.get("constant"):
        labels[:] = 2
    if change.get("few"):
        points, labels = points[:5], labels[:5]
    if change.get("none"):
        points, labels = points[:0], labels[:0]
    if change.get("half"):
        labels = labels + 0.5
    if change.get("twins"):
        points[7], labels[7], labels[9] = points[9], 0, 1
    if change.get("short"):
        labels = labels[:-1]
    return points, labels


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"nan": 1}, "Point 4 holds a value that is not finite"),
        ({"constant": 1}, "All 150 labels are 2: there is nothing to tell apart"),
        ({"few": 1}, "5 points are too few: 5 neighbours need at least 6"),
        ({"none": 1}, "The data hold no points"),
        ({"half": 1}, "which is not a class"),
        ({"twins": 1}, "Points 7 and 9 are equal but of different classes"),
        ({"short": 1}, "150 points need as many labels"),
    ],
)
def test_bad_data_are_one_sentence(images, change, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        measure_arrays(*bad(*images, **change), eps=0.01)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "strange",
    [
        np.inf,
        np.array(np.nan, dtype=object),
        np.array(None, dtype=object),
        np.array(2.5, dtype=object),
        np.datetime64("NaT"),
        1j,
    ],
)
def test_labels_that_name_no_class_are_refused(images, strange):
    points, labels = images
    names = np.array(["a", "b", "c"], dtype=object)[labels] if np.ndim(strange) == 0 else labels
    labels = {"f": labels.astype(float), "O": names, "M": labels.astype("M8[D]"), "c": labels + 0j}[
        np.asarray(strange).dtype.kind
    ]
    labels[40] = strange if not isinstance(strange, np.ndarray) else strange.item()
    with pytest.raises(UserError, match=r"which is not a class|must be names or whole numbers"):
        measure_arrays(points, labels, eps=0.01)


def test_labels_of_any_kind_that_name_classes_give_the_same(images):
    points, labels = images
    kinds = [labels.astype(float), labels.astype(str), labels.astype(object), labels.astype("M8[D]")]
    kinds += [labels.astype(str).astype(object), labels.astype(np.dtypes.StringDType()), labels * 2**60]
    found = [record(measure_arrays(points, kind, eps=0.01)) for kind in [labels, *kinds]]
    assert all(one == found[0] for one in found)


def test_numbers_and_names_are_no_labels_of_one_set(images):
    points, labels = images
    with pytest.raises(UserError, match="numbers and others names"):
        measure([(points, labels), (points, labels.astype(str))], eps=0.01)


def test_masked_values_are_not_taken_for_data(images):
    points, labels = images
    masked = np.ma.masked_equal(points.astype(float), points.max())
    with pytest.raises(UserError, match="points are masked"):
        measure_arrays(masked, labels, eps=0.01)
    with pytest.raises(UserError, match="labels are masked"):
        measure([(points, np.ma.masked_equal(labels, 1))], eps=0.01)
    whole = measure_arrays(np.ma.masked_array(points), labels, eps=0.01)  # of which nothing is masked
    assert record(whole) == record(measure_arrays(points, labels, eps=0.01))


def test_points_without_features_are_refused(images):
    with pytest.raises(UserError, match="no features"):
        measure_arrays(np.zeros((150, 0)), images[1], eps=0.01)


def test_points_on_a_lattice_are_told_by_their_equal_distances():
    lattice = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), axis=-1).reshape(-1, 3)
    labels = np.arange(len(lattice)) % 2
    found = measure_arrays(lattice, labels, eps=0.01)
    # Of 216 cells all but the 8 corners and the 48 others of edges have 5 or 6 neighbours at distance 1.
    assert found.m_tied == 160 / 216
    assert found.m_estimate > 6
    near = np.random.default_rng(0).normal(0, 0.3, lattice.shape)
    assert measure_arrays(lattice + near, labels, eps=0.01).m_tied == 0
    assert measure_arrays(lattice, labels, eps=0.01, m=3).m_tied is None


def test_duplicates_across_classes_may_be_left_out(images):
    points, labels = bad(*images, twins=1)
    found = measure_arrays(points, labels, eps=0.01, duplicates="ignore")
    assert found.duplicates == 1
    assert found.copies == 2
    assert found.task.delta > 0


def test_batches_of_other_sizes_are_refused(images):
    points, labels = images
    with pytest.raises(UserError, match="all must be of one size"):
        measure([(points, labels), (points[:, :3], labels)], eps=0.01)
    with pytest.raises(UserError, match="A batch must hold points"):
        measure([(points, labels[:3])], eps=0.01)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing.npz", "There are no data at"),
        ("text.npz", "can't be read as arrays"),
        ("other.npz", "holds a, but no array of points"),
        ("alone.npy", "set data.labels"),
        ("table.csv", "neither an .npz"),
        ("empty", "has no images"),
    ],
)
def test_what_is_no_data_is_one_sentence(tmp_path, name, sentence):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    np.save(tmp_path / "alone.npy", np.ones((3, 2)))
    (tmp_path / "table.csv").write_text("1,2\n")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=sentence):
        open_data(str(tmp_path / name))


def test_extreme_value_theory_does_not_exceed_the_distance_that_the_sample_holds(images):
    """Few random pairs miss the nearest two points, which the subset's search finds."""
    points, labels = images
    points = points.astype(float)
    points[11], labels[11], labels[12] = points[12] + 1e-3, 0, 1
    found = measure_arrays(points, labels, eps=0.01, pairs=200, resolution="evt")
    assert found.delta_sample == pytest.approx(1e-3 * np.sqrt(points[0].size))
    assert found.delta_evt == found.task.delta == found.delta_sample


@pytest.mark.parametrize("resolution", ["sample", 0.5])
def test_extreme_value_theory_is_left_out_where_it_is_not_asked_for(images, resolution):
    """Its own requirements, of which these pairs are too few, then don't count."""
    points, labels = images
    labels[:] = 0
    labels[3] = 1
    options = {"eps": 0.001, "m": 5, "pairs": 100, "memory": 90 * points[0].size, "seed": 1}
    with pytest.raises(UserError, match="use resolution=sample"):
        measure_arrays(points, labels, resolution="evt", **options)
    found = measure_arrays(points, labels, resolution=resolution, **options)
    assert (found.delta_evt, found.delta_pairs, found.tail_index) == (None, 0, None)


def test_a_known_dimension_needs_no_neighbours(images):
    found = measure_arrays(*bad(*images, few=1), eps=0.01, m=3, resolution=0.5)
    assert (found.task.n, found.task.m) == (5, 3)


def test_the_data_and_the_settings_decide_between_all_pairs_and_extreme_values(images):
    points, labels = images
    pairs = 150 * 149 // 2
    assert measure_arrays(points, labels, eps=0.01, exact_pairs=pairs).resolution == "exact"
    found = measure_arrays(points, labels, eps=0.01, exact_pairs=pairs - 1)
    assert found.resolution == "evt"
    assert found.delta_low <= found.task.delta == found.delta_evt <= found.delta_high
    low, high = found.uncertainty.log2_bits
    assert low < found.difficulty.log2_bits < high
    assert resolved("exact", 1000, 6_144, 499_500) == "evt"  # a pair of twice the features counts as two
    assert resolved("sample", 10**6, 10, 1) == "sample"


def test_copies_of_all_points_leave_the_ingredients_as_they_are(images):
    points, labels = images
    once = measure_arrays(points, labels, eps=0.01)
    thrice = measure_arrays(np.tile(points, (3, 1, 1, 1)), np.tile(labels, 3), eps=0.01)
    for name in ("m_estimate", "m_error", "delta_exact", "m_points"):
        assert getattr(thrice, name) == pytest.approx(getattr(once, name)), name
    assert (once.copies, thrice.copies) == (0, 450)


def test_a_measurement_tells_how_far_it_is(images):
    told = []

    class Told:
        def report(self, step, **figures):
            told.append((step, figures))

    measure([images], eps=0.01, watch=Progress(Told()))
    assert [step for step, _ in told] == list(range(1, len(told) + 1))
    stages = {name for _, figures in told for name in figures}
    assert {"blocks_read", "neighbour_tiles_percent", "delta_bounds_percent"} <= stages
    assert all(0 < value <= 100 for _, figures in told for value in figures.values())


def test_memory_goes_by_the_bytes_asked_for_and_not_by_the_number_of_pictures(tmp_path):
    """40 pictures of 96 kB would take 30 MiB as float64, and the differences of their pairs more."""
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(40):
        folder = tmp_path / str(number % 2)
        folder.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (180, 180, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    batches = open_data(str(tmp_path))
    options = {"eps": 0.01, "resolution": 0.05, "m": 3}
    measure(batches, memory=1 << 20, **options)  # imports are made
    tracemalloc.start()
    found = measure(batches, memory=1 << 20, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.held == (1 << 20) // (180 * 180 * 3)
    assert peak < 48 << 20, "pieces of 8 MiB as float64, a few at a time"


def test_components_of_large_pictures_take_no_more_than_a_few_hundred_megabytes():
    """Of 64 points of 400,000 numbers they took over a gigabyte, beside the memory asked for."""
    random = np.random.default_rng(0)
    points = random.integers(0, 256, (64, 400_000), dtype=np.uint8)
    seen = first_pass(ArrayBatches(points, np.arange(64) % 2), seed=0, memory=1 << 30)
    tracemalloc.start()
    frame = frame_of(seen)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert frame.basis.shape == (400_000, 20)
    assert np.allclose(frame.basis.T @ frame.basis, np.eye(20))
    assert peak < 500 << 20


def test_the_held_sample_is_that_of_the_smallest_keys_however_batches_are_cut():
    random = np.random.default_rng(3)
    points, labels = random.random((5000, 7)), random.integers(0, 3, 5000)
    keys = generator(9, "held").random(5000)
    expected = np.sort(np.argsort(keys, kind="stable")[:300])
    for rows in (1, 37, 2048, 5000):
        cuts = [(points[i : i + rows], labels[i : i + rows]) for i in range(0, 5000, rows)]
        seen = first_pass(cuts, seed=9, memory=300 * 7 * 8)
        assert np.array_equal(seen.positions, expected)
        assert np.array_equal(seen.points, points[expected])
        assert np.array_equal(seen.codes[seen.positions], labels[expected])
