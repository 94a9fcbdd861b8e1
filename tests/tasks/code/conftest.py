import pytest

from assay.grading.sandbox import why_not


@pytest.fixture(scope="session")
def sandbox() -> None:
    """A test that runs programs: skipped, with the reason, where there is no sandbox."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"needs the sandbox: {reason}")
