# medmcqa-torch: medmcqa-python with `shared[lm]`, which is torch and what loads a model, once for the three images.
#   --build-arg TORCH=cpu    torch without CUDA (default)
#   --build-arg TORCH=cuda   torch as PyPI has it for Linux, with its CUDA libraries
ARG PYTHON_IMAGE=medmcqa-python

# torch is installed by itself, from its own lines of the lock: it is the largest part, and changes the least.
FROM ${PYTHON_IMAGE} AS lock
COPY constraints.txt ./
RUN sed -n '/^\(pip\|torch\)==/,/[^\]$/p' constraints.txt > torch.txt

FROM ${PYTHON_IMAGE} AS build-torch
USER root
WORKDIR /build
ARG TORCH=cpu
COPY --from=lock /tmp/torch.txt constraints.txt
COPY infra/images/install.py infra/images/
RUN python infra/images/install.py /new --torch "${TORCH}"

FROM ${PYTHON_IMAGE} AS torch
COPY --from=build-torch /new/ /

FROM torch AS build
USER root
WORKDIR /build
COPY constraints.txt ./
COPY infra/lock/requirements.py infra/lock/
COPY infra/images/install.py infra/images/
COPY shared/pyproject.toml shared/
RUN python infra/images/install.py /new 'shared[lm]'

FROM torch
COPY --from=build /new/ /
