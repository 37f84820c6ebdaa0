"""Names of the files that cells leave."""

AGENT = "agent.pt"  # weights of the policy
BEST = "best.pt"  # the same, as they were when the mean return of the last episodes was highest
EPISODES = "episodes.npz"  # every episode's end, return and length; frames at which fragments were made
VIDEO = "episode.mp4"
STATE = "state.pt"  # all that the next stage of a training goes on from
