"""ImageNet-RIB: robustness of classifiers after fine-tuning on shifted data."""
