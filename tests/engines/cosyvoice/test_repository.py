import pydoc
import sys
from pathlib import Path

import pytest

from engines.cosyvoice.repository import ENVIRONMENT, find_repository, import_module, lacking_is_told
from engines.errors import MissingLibraryError


def test_it_is_found_where_the_environment_points(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(repository))
    assert find_repository(None).path == repository


def test_without_it_the_command_that_gets_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(MissingLibraryError, match="is not given") as caught:
        find_repository(None)
    assert "git clone --recursive https://github.com/FunAudioLLM/CosyVoice" in caught.value.hint


def test_a_clone_without_its_submodule_is_told_apart(repository: Path) -> None:
    (repository / "third_party/Matcha-TTS/matcha/__init__.py").unlink()
    (repository / "third_party/Matcha-TTS/matcha").rmdir()
    with pytest.raises(MissingLibraryError, match="lacks its submodule") as caught:
        find_repository(repository)
    assert "submodule update --init" in caught.value.hint


def test_its_digest_is_of_the_code_that_runs(repository: Path, tmp_path: Path) -> None:
    from tests.engines.cosyvoice.stand_in import write_repository

    same = find_repository(write_repository(tmp_path / "again"))
    assert same.digest == find_repository(repository).digest
    changed = write_repository(tmp_path / "changed")
    (changed / "README.md").write_text("words")
    assert find_repository(changed).digest == same.digest
    other = write_repository(tmp_path / "other")
    (other / "cosyvoice/cli/model.py").write_text("faster = True")
    assert find_repository(other).digest != same.digest


def test_a_package_that_it_lacks_is_named_with_the_command(repository: Path) -> None:
    (repository / "cosyvoice/cli/lacking.py").write_text("import conformer_of_nobody")
    with pytest.raises(MissingLibraryError, match="conformer_of_nobody") as caught:
        import_module(find_repository(repository), "cosyvoice.cli.lacking")
    assert "pip install" in caught.value.hint


def test_a_package_that_is_lacking_while_a_recipe_is_read_is_named_too(repository: Path) -> None:
    """hyperpyyaml imports what a recipe names through pydoc, whose error is no ImportError."""
    (repository / "cosyvoice/cli/in_a_recipe.py").write_text("import matplotlib_of_nobody.pylab")
    found = find_repository(repository)
    import_module(found, "cosyvoice.cli")
    with pytest.raises(MissingLibraryError, match="lacks the package 'matplotlib_of_nobody'"), lacking_is_told(found):
        pydoc.locate("cosyvoice.cli.in_a_recipe.Flow")


def test_a_package_of_another_version_is_not_called_lacking(repository: Path) -> None:
    (repository / "cosyvoice/cli/other_version.py").write_text("from json import cached_download")
    with pytest.raises(MissingLibraryError, match="cannot import name 'cached_download'"):
        import_module(find_repository(repository), "cosyvoice.cli.other_version")


def test_a_recipe_that_fails_for_another_reason_is_not_explained_away(repository: Path) -> None:
    (repository / "cosyvoice/cli/broken.py").write_text("1 / 0")
    found = find_repository(repository)
    import_module(found, "cosyvoice.cli")
    with pytest.raises(pydoc.ErrorDuringImport, match="ZeroDivisionError"), lacking_is_told(found):
        pydoc.locate("cosyvoice.cli.broken.Flow")


def _broken_torchaudio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is installed and cannot be loaded, as PyPI's is beside torch for the CPU."""
    (tmp_path / "site/torchaudio").mkdir(parents=True)
    (tmp_path / "site/torchaudio/__init__.py").write_text(
        "raise OSError('libtorch_cuda.so: cannot open shared object')"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "torchaudio")


def test_a_broken_torchaudio_is_stood_in_for_where_nothing_is_read(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _broken_torchaudio(tmp_path, monkeypatch)
    (repository / "cosyvoice/cli/reads.py").write_text("import torchaudio.compliance.kaldi as kaldi")
    import_module(find_repository(repository), "cosyvoice.cli.reads", with_torchaudio=False)
    from importlib.util import find_spec

    assert find_spec("torchaudio") is not None, "transformers asks so, and a module without a spec raises"
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)


def test_where_prompts_are_read_a_broken_torchaudio_is_an_error_with_the_command(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _broken_torchaudio(tmp_path, monkeypatch)
    with pytest.raises(MissingLibraryError, match=r"torchaudio cannot be loaded: libtorch_cuda\.so") as caught:
        import_module(find_repository(repository), "cosyvoice.cli.cosyvoice")
    assert "https://download.pytorch.org/whl" in caught.value.hint
