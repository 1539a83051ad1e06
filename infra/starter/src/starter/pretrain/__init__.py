"""How the miniature base model is made: texts, exercises, stages, training. Needs the extra `train`."""
