"""Experiments that are too long for a chapter, a module for each chapter that has some.

An experiment is a plain function of a frozen configuration, for :func:`mflib.book.sweeps.sweep`. Its
rows are kept in tables, and networks that take long to train in files. A chapter does the same
with a few configurations in front of the reader, and shows the recorded rest.
"""
