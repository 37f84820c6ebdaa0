"""Names of the files that cells leave."""

AGENT = "agent.pt"  # weights of the policy
EPISODES = "episodes.npz"  # every episode's end, return and length; frames at which fragments were made
VIDEO = "episode.mp4"
