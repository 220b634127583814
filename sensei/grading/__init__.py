"""Grading a class: ``sensei grade``.

From a submission only the fills are taken, by parsing; they are put into the
koan as it was given, and that is what runs, in a process that can be killed.

In the order in which they are used: ``template`` (what was given),
``submissions`` (what was handed in), ``answers`` and ``pieces`` (the fills in
it), ``rules`` (which fills may run), ``book`` (each distinct answer once),
``ledger`` (verdicts of earlier runs), ``judging`` and ``workers`` (who runs
what, and when again), ``warm`` and ``trial`` (the processes that run koans),
``sheets`` (what is written), ``results`` (the same, for ``report`` and ``junit``),
``roster`` (who is who), ``gradescope`` (one submission, there), ``command`` (the
command line).
"""
