"""Pre-training of the pocket weights; run it as ``python -m cytobench_phantom.pretrain --out DIR``.

Only this package of the plugin imports torch, diffusers, transformers and open_clip.
"""
