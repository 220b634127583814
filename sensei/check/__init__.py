"""``sensei check``: the linter of a course, for whoever writes its koans.

A check is a function from a lesson, a koan or a course to findings. ``lint`` has the
lists of them, ``command`` prints what they find, and the tests of a course ask them.
"""
