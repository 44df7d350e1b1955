"""Pictures of a code: traversals, and what each latent answers to."""
