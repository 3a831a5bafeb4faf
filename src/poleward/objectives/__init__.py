"""What training minimises: an explicit observation model plus one regulariser of the latent points.

Every objective is ``reconstruction + weight * schedule(epoch) * regulariser``, a mean over the batch, lower is better.
"""
