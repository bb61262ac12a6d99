"""How fast mflib is beside what people use for the same work: `make bench`.

Every comparison runs ours and the peer's in turn, in one process, on the same numbers, and
checks first that both compute the same thing. What is reported is the ratio, round by round:
absolute times depend on the machine and on what else it does.
"""
