"""One ground for all cases of a file, in each form: fixtures for files that import them."""

import pytest

from fib import FORMS, Ground
from lab import Lab


@pytest.fixture(scope="module", params=FORMS, name="form")
def form_of_file(request):
    return request.param


@pytest.fixture(scope="module", name="lab")
def lab_of_file(form):
    with Lab() as new:
        new.form = form
        yield new


@pytest.fixture(scope="module", name="shared")
def ground_of_file(lab, build, form):
    return Ground(lab, build, form, routers=3, speakers=3).start()
