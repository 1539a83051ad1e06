"""The Hub that the own tests of `datasets` push to; copied there as `fixtures/hub.py`, which they lack."""

import os

CI_HUB_ENDPOINT = os.environ["HF_ENDPOINT"]
CI_HUB_USER = "__DUMMY_HUB_USER__"
CI_HUB_USER_TOKEN = "hf_HubCITokenXXXXXXXXXXXXXXXXXXXXX"
