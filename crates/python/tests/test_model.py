"""Model: encoding, styles, new music."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import tune_notes

import controlgen
from controlgen import ControlgenError, Model, NoteSequence


@pytest.mark.parametrize("name", controlgen.MODELS)
def test_models_in_the_package(name):
    model = Model.load(name)
    assert model.kind and model.z_size >= len(model.active_dimensions) > 0
    assert len(model.styles) == len({style.name for style in model.styles}) > 1
    assert sum(style.share for style in model.styles) == pytest.approx(1.0, abs=1e-6)
    piece = model.generate(0, n=1, seed=3)[0]
    assert len(piece.sequence) > 1
    assert piece.z.shape == (1, model.z_size) and piece.z.dtype == np.float32
    assert 0.0 <= piece.membership <= 1.0


def test_the_models_in_the_package_are_those_of_the_program(tmp_path):
    assert set(controlgen.MODELS) == {"poly", "drums", "melody"}
    with pytest.raises(FileNotFoundError, match="poly"):
        Model.load("pol")
    with pytest.raises(FileNotFoundError, match="config.json"):
        Model.load(tmp_path)


def test_tunes_become_latents_and_music_again(poly, tune, tmp_path):
    z = poly.encode(tune)
    # Eight bars, in windows of two.
    assert z.shape == (4, poly.z_size) and z.dtype == np.float32
    tune.write(tmp_path / "tune.mid")
    np.testing.assert_array_equal(poly.encode(tmp_path / "tune.mid"), z)
    other = NoteSequence.from_notes(tune_notes(n_bars=4, shift=5))
    several = poly.encode([tune, str(tmp_path / "tune.mid"), other])
    assert [len(rows) for rows in several] == [4, 4, 2]
    np.testing.assert_allclose(several[0], z, atol=1e-5)
    assert poly.encode([tune])[0].shape == z.shape
    assert poly.encode([]) == []
    mean, std = poly.encode(tune, return_std=True)
    np.testing.assert_array_equal(mean, z)
    assert std.shape == z.shape and (std > 0).all()
    decoded = poly.decode(z, qpm=120, meter=(4, 4))
    assert decoded.total_time == pytest.approx(16.0)
    # The most probable music keeps most of the pitches of the tune, in C major as it is.
    kept = np.intersect1d(decoded.notes["pitch"] % 12, tune.notes["pitch"] % 12)
    assert len(kept) >= 4
    assert poly.decode(z, temperature=1.0, seed=1) == poly.decode(z, temperature=1.0, seed=1)
    assert poly.decode(z, temperature=1.0, seed=1) != poly.decode(z, temperature=1.0, seed=2)


def test_what_is_taken_of_a_tune_is_said(poly, tune):
    found = poly.inspect(tune)
    assert found["n_windows"] == 4
    assert found["qpm"] == 120.0
    assert "notes" in found["in_words"]
    drums = NoteSequence.from_notes({**tune_notes(), "is_drum": np.ones(56, bool)})
    with pytest.raises(ControlgenError, match="the sequence has no window of `poly-2bar`"):
        poly.encode(drums)


def test_latents_of_another_shape_are_refused(poly):
    with pytest.raises(ControlgenError, match=f"3 columns; this model's have {poly.z_size}"):
        poly.decode(np.zeros((2, 3)))
    with pytest.raises(ControlgenError, match="row 0, column 5"):
        z = np.zeros((1, poly.z_size))
        z[0, 5] = np.inf
        poly.decode(z)


def test_pieces_are_the_seeds(poly):
    first = poly.generate(0, n=2, seed=5)
    again = poly.generate(poly.styles[0], n=3, seed=5)
    assert [p.sequence for p in first] == [p.sequence for p in again[:2]]
    assert poly.generate(0, n=1, seed=6)[0].sequence != first[0].sequence
    assert first[0].style == poly.styles[0].name
    np.testing.assert_allclose(first[0].components.sum(), 1.0)


def test_whole_pieces_blends_paths_keys_and_meters(poly):
    long = poly.generate(1, n=1, bars=8, form="AABA", candidates=2, seed=1, qpm=90)[0]
    assert long.z.shape == (4, poly.z_size) and long.form
    blend = poly.generate({0: 0.7, poly.styles[1].name: 0.3}, n=1, seed=1)[0]
    assert blend.style == f"{poly.styles[0].name}:0.7,{poly.styles[1].name}:0.3"
    path = poly.generate(path=[0, 1], n=1, bars=4, candidates=2, seed=1)[0]
    assert path.style == f"{poly.styles[0].name}-to-{poly.styles[1].name}"
    waltz = poly.generate(0, n=1, meter=(3, 4), seed=1, qpm=60)[0].sequence
    assert waltz.time_signatures.tolist() == [(0.0, 3, 4)]
    assert waltz.total_time == pytest.approx(6.0)
    plain = poly.generate(0, n=1, seed=1)[0].sequence
    moved = poly.generate(0, n=1, seed=1, key="D")[0].sequence
    np.testing.assert_array_equal(moved.notes["pitch"], plain.notes["pitch"] + 2)
    assert len(poly.generate(n=5, seed=2)) == 5
    dense = poly.generate(0, n=1, seed=1, attributes={"density": 1.5})[0]
    assert not np.array_equal(dense.z, poly.generate(0, n=1, seed=1)[0].z)


def test_pieces_are_arranged_as_asked_for(poly):
    options = {"style": 1, "n": 1, "bars": 8, "form": "AB", "candidates": 2, "seed": 3}
    plain = poly.generate(**options, even=True)[0]
    names = set(plain.sequence.instrument_names.values())
    assert names and "drums" not in names
    # The last two bars slow down by the beat.
    shaped = poly.generate(**options)[0]
    assert len(plain.sequence.tempos) == 1 and len(shaped.sequence.tempos) > 2
    assert shaped.sequence.total_time > plain.sequence.total_time
    np.testing.assert_array_equal(shaped.z, plain.z)

    drums = Model.load("drums")
    sounds = {"instruments": {"keys": "harpsichord", "bass": 33}, "velocity": 64}
    full = poly.generate(**options, even=True, intro=2, drums=drums, **sounds)[0]
    # Windows of the introduction have latents, too, and the piece follows it.
    assert full.z.shape == (5, poly.z_size)
    np.testing.assert_array_equal(full.z[1:], plain.z)
    assert full.sequence.total_time == pytest.approx(1.25 * plain.sequence.total_time)
    notes = full.sequence.notes
    assert notes["is_drum"].any() and set(notes["velocity"]) == {64}
    assert 0 not in notes["program"][~notes["is_drum"]]
    assert "drums" in full.sequence.instrument_names.values()
    # The same by name.
    again = poly.generate(**options, even=True, intro=2, drums="drums", **sounds)[0]
    assert again.sequence == full.sequence


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"style": "nothing"}, "nothing"),
        ({"style": 0, "path": [1]}, "leave one out"),
        ({"style": {0: -1.0}}, "above 0 is allowed"),
        ({"style": 0, "temperature": 0.0}, "above 0 and at most 10"),
        ({"style": 0, "bars": 3}, "windows of 2 bars"),
        ({"style": 0, "qpm": 1.0}, "4 to 1000"),
        ({"style": 0, "meter": (5, 3)}, "5/3"),
        ({"style": 0, "key": "H sharp"}, "H sharp"),
        ({"style": 0, "chords": ["C"]}, "takes none"),
        ({"style": 0, "attributes": {"sparkle": 1.0}}, "sparkle"),
        ({"style": 0, "min_membership": 2.0}, "0 to 1"),
        ({"style": 0, "bars": 8, "intro": 3}, "whole windows are allowed, 2 bars each"),
        ({"style": 0, "drums": "poly"}, "a model of drums"),
        ({"style": 0, "instruments": {"lute": 3}}, "not a family"),
        ({"style": 0, "instruments": {"keys": "piano"}}, "Acoustic Grand Piano"),
        ({"style": 0, "attribute_method": "magic"}, "quartile"),
        ({"style": 0, "candidates": 0}, "1 to 256"),
    ],
)
def test_what_can_not_be_generated_is_refused(poly, options, text):
    with pytest.raises(ControlgenError, match=text):
        poly.generate(n=1, **options)


def test_fewer_pieces_than_asked_for_are_a_warning(poly):
    # A style whose pieces are not all alike: those below the best are dropped.
    def memberships(style):
        return [piece.membership for piece in poly.generate(style, n=20, seed=9)]

    found = ((style, memberships(style)) for style in range(len(poly.styles)))
    style, best = next((style, max(m)) for style, m in found if min(m) < max(m))
    options = {"min_membership": best, "max_attempts": 20, "seed": 9}
    with pytest.warns(UserWarning, match=r"of 20 pieces after 20 attempts; dropped: \d+ of too low"):
        kept = poly.generate(style, n=20, **options)
    assert len(kept) < 20


def test_a_style_is_added_kept_and_removed(tune, tmp_path):
    model = Model.load("poly", styles_folder=tmp_path / "styles")
    n_styles = len(model.styles)
    tune.write(tmp_path / "tune.mid")
    (tmp_path / "text.mid").write_text("not music")
    report = model.add_style("mine", [tmp_path / "tune.mid", tmp_path / "text.mid"])
    assert report["n_windows"] >= 4
    assert [refused["file"] for refused in report["refused"]] == [str(tmp_path / "text.mid")]
    mine = model.style("mine")
    assert mine.is_added and len(model.styles) == n_styles + 1
    assert model.generate("mine", n=1, seed=1)[0].style == "mine"
    assert model.membership(model.encode(tune), mine).shape == (4,)
    with pytest.raises(ControlgenError, match="mine"):
        model.add_style("mine", [tmp_path / "tune.mid"])
    again = Model.load("poly", styles_folder=tmp_path / "styles")
    assert again.styles[-1].name == "mine"
    again.remove_style("mine")
    assert len(again.styles) == n_styles
    assert len(Model.load("poly", styles_folder=tmp_path / "styles").styles) == n_styles
    with pytest.raises(ControlgenError):
        again.remove_style(0)


def test_the_mixture_of_styles_is_an_estimator(poly, tune):
    mixture, z = poly.mixture, poly.encode(tune)
    active = z[:, poly.active_dimensions]
    assert mixture.n_features_in_ == len(poly.active_dimensions)
    proba = mixture.predict_proba(active)
    style = poly.styles[0]
    expected = proba[:, style.components].sum(axis=1)
    np.testing.assert_allclose(poly.membership(z, style), expected, atol=1e-6)


def test_mixes_variations_and_interpolations(poly, tune):
    near, far = (poly.mix(tune, 1, strength=s, temperature=None) for s in (0.0, 1.0))
    assert near.membership_before == far.membership_before
    assert far.membership_after > near.membership_after
    np.testing.assert_allclose(near.z, poly.encode(tune), atol=1e-4)
    assert len(far.duet) > len(far.sequence)
    with pytest.raises(ControlgenError, match="0 to 1"):
        poly.mix(tune, 1, strength=2.0)
    with pytest.raises(ControlgenError, match="'transport' and 'interpolate'"):
        poly.mix(tune, 1, method="magic")
    same, other = (poly.similar(tune, distance=d, n=2, seed=1) for d in (0.0, 1.0))
    np.testing.assert_allclose(same[0].z, poly.encode(tune), atol=1e-4)
    assert not np.array_equal(other[0].z, other[1].z)
    z = poly.encode(tune)
    path = poly.interpolate([poly.styles[0], "style:1", tune, z[1]], steps=7)
    assert len(path) == 7
    np.testing.assert_array_equal(path[-1].z[0], z[1])
    np.testing.assert_allclose(path[4].z[0], z[0], atol=1e-5)
    with pytest.raises(ControlgenError, match="at least 2"):
        poly.interpolate([tune], steps=5)


def test_a_model_is_evaluated_on_a_corpus(tmp_path):
    # The smallest model: an evaluation decodes thousands of windows.
    model, music = Model.load("melody"), tmp_path / "music"
    music.mkdir()
    for number, piece in enumerate(model.generate(n=24, bars=8, smoothness=0.5, seed=4)):
        piece.sequence.write(music / f"{number}.mid")
    corpus, out = tmp_path / "corpus", tmp_path / "eval"
    report = controlgen.build_corpus([music], corpus, kind=model.kind, heldout=0.3)
    assert report["n_files"] == 24 and report["n_heldout"] > 0
    with pytest.raises(FileExistsError):
        controlgen.build_corpus([music], corpus, kind=model.kind, heldout=0.3)
    sizes = {"n_windows": 20, "n_train": 60, "k": 2, "n_resamples": 2}
    found = model.eval(corpus, out=out, scope="control", **sizes)
    assert found["n_heldout"] > 0 and found["sections"]
    assert (out / "eval.html").exists()
    with pytest.raises(ControlgenError, match="'all' and 'control'"):
        model.eval(corpus, scope="some")


def test_pieces_are_those_of_the_program(poly, tmp_path):
    program = os.environ.get("CONTROLGEN")
    if not program:
        pytest.skip("CONTROLGEN does not name the program")
    cases = [
        ("", {}),
        (
            "--bars 8 --form AA' --intro 2 --drums drums --instruments keys=6 --program 40 --qpm 90",
            {
                "bars": 8,
                "form": "AA'",
                "intro": 2,
                "drums": "drums",
                "instruments": {"keys": 6},
                "programs": [40],
                "qpm": 90,
            },
        ),
    ]
    for number, (options, arguments) in enumerate(cases):
        out = tmp_path / str(number)
        line = ["--style", "1", "-n", "2", "--seed", "11", "--quiet", "-o", out, *options.split()]
        subprocess.run([program, "generate", *line], check=True)
        written = sorted(out.glob("*.mid"))
        pieces = poly.generate(1, n=2, seed=11, **arguments)
        for path, piece in zip(written, pieces, strict=True):
            # Files of the program begin with a seal, by which it knows them again.
            own = NoteSequence.from_midi(piece.sequence.to_midi())
            assert NoteSequence.read(path).to_midi() == own.to_midi()


def test_threads_share_a_model(poly, tune):
    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(lambda seed: poly.generate(0, n=1, seed=seed % 2)[0].sequence, range(8)))
    assert all(piece == pieces[seed % 2] for seed, piece in enumerate(pieces))
