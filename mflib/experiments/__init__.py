"""Experiments that are too long for a chapter, a module for each chapter that has some.

An experiment is a plain function of a frozen configuration, for
:func:`mflib.experiments.records.table`, which keeps its rows in ``data/``; networks that take long
to train are kept in files there. A chapter does the same with a few configurations in front of the
reader, and shows the recorded rest.
"""
