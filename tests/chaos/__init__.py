"""The pipeline broken on purpose, some hundred times: `make chaos`, or `PYTHONPATH=tests python -m chaos --help`.

Hubs, jobs and trainings are killed with SIGKILL at random moments while the network between them fails; afterwards
everything that was acknowledged has to be there once. All of it is drawn from one seed.
"""
