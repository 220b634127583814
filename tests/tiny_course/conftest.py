"""The sizes that koans run with, as another course has devices."""

pytest_plugins = ["sensei.plugin"]


def pytest_generate_tests(metafunc):
    if "size" in metafunc.fixturenames:
        metafunc.parametrize("size", [2, 3], ids=["pair", "triple"])
