"""Files of weights, as people save them: what a file is, what it holds, what is the network's.

`checkpoints` reads and writes; `formats` and `pickles` open a file without running anything of it;
`tables` finds the network's tensors, `facts` what is said besides, `nearest` what would fit better.
"""
