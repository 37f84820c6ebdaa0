"""What of RLlib is overridden, and why: everything that may break with another version stands in this table.

================================================  =====================================================
Overridden                                        Why
================================================  =====================================================
``PPO.setup``                                     RLlib looks for a bundle for each runner in the
                                                  reservation of a Tune trial. A cell's reservation is one
                                                  bundle for all its processes, so with a reservation the
                                                  runners are built after the rest, by the next row.
``EnvRunnerGroup._make_worker`` (private)         To ask for a runner in any bundle (-1) of a reservation.
``Trainable._setup_logdir`` (private)             It makes a folder in the user's home for each run, and
                                                  changes the working directory.
``PPOConfig.build_learner_group``                 To build ``SegmentLearnerGroup``.
``LearnerGroup.__init__``, ``update``,            Every learner gets segments whole, and learners are
``shutdown``                                      processes of this machine (``learner_group.py``).
``SingleAgentEnvRunner.make_env``, ``sample``,    Segments by time and environment instead of an object
``get_metrics``                                   for each episode, at twice the speed (``runner.py``).
``TorchLearner.build``,                           The connector that scores segments whole takes the place
``_create_iterator_if_necessary`` (private),      of RLlib's, whose batches can't hold time and
``_update`` (private)                             environments; the curiosity learns beside the policy.
``TorchLearner.get_state``, ``set_state``         RLlib's leave connectors out.
``TorchLearner.compute_loss_for_module``          Two value heads. (RLlib's own place for a loss.)
``TorchRLModule.setup``, ``_forward``             RLlib's own places for a network.
================================================  =====================================================

Nothing of another package is assigned to. ``tests/farcuriosity/agent/test_overrides.py`` fails on any other
minor version of Ray than the one named here, and where one of these methods is gone.
"""

RAY = "2.60"
"""The minor version of Ray that all this was tried with."""
