import importlib

import pytest


@pytest.fixture(scope="module")
def script():
    return importlib.import_module("grpo_step")


def test_the_options_default_to_the_batch_that_the_documents_name(script):
    options = script.parse_options([])
    assert (options.prompts, options.group, options.updates, options.rounds) == (32, 16, 2, 5)
    assert (options.max_new_tokens, options.fixed_tokens) == (96, 48)


def test_without_trl_the_benchmark_names_the_extra_and_exits_with_2(script, monkeypatch, capsys):
    monkeypatch.setattr(script, "trl", None)
    assert script.main([]) == 2
    assert "pip install -c constraints.txt -e '.[bench]'" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # TRL's own
def test_losses_equal_trls_on_the_same_samples(script, tmp_path):
    """To 1e-4: TRL adds 1e-4 to the deviation that divides an advantage, Assay 1e-6. The second update comes after one
    on either side, with ratios other than 1. Norms of gradients are compared relative to their size."""
    if script.trl is None:
        pytest.skip("needs TRL: pip install -c constraints.txt -e '.[bench]'")
    small = ["--prompts", "6", "--group", "8", "--max-new-tokens", "48"]
    setting = script.make_setting(script.parse_options(small))
    updates = script.losses_of_both(setting, tmp_path, micro_batch=8)
    assert len(updates) == 2
    for (loss, norm), (their_loss, their_norm) in updates:
        assert abs(loss) > 1e-3, "halves of groups: the advantages of an update do not sum to 0"
        assert loss == pytest.approx(their_loss, abs=1e-4)
        assert norm == pytest.approx(their_norm, rel=2e-3)
