"""ImageNet-RIB: how much robustness a pre-trained classifier keeps when it is fine-tuned."""
