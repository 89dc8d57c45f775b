"""TRL, Hugging Face's library for training by rewards: data, settings, reward, and runs of Sleuth on it."""

from sleuth.integrations.trl.rewards import reward

__all__ = ["reward"]
