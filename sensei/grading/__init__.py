"""Grading a class: ``sensei grade``.

From a submission only the fills are taken, by parsing; they are put into the
koan as it was given, and that is what runs, in a process that can be killed.

In the order in which they are used: ``assignment`` (what was given),
``exports`` (which hand-ins a platform gave: ``handins``), ``archives`` and
``lessons`` (the lesson files in one), ``answers`` (the fills in it), ``book`` (each
distinct answer once), ``judging`` and ``workers`` (who runs what, and when again),
``warm`` and ``bench`` (the processes that run koans), ``marks``, ``sheets`` and
``report`` (what is written), ``roster`` (who is who), ``gradescope`` (one
submission, there), ``command`` (the command line).
"""
