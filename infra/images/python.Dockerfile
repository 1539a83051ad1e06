# medmcqa-python: Python, an empty virtual environment and a user without rights. Everything else is built on it.
# infra/images/build.py gives the image that base.Dockerfile pins.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}

# A folder of code that is on Python's path needs no installation, and its fingerprint is that of the checkout.
# The folder under /tmp is there so that a volume mounted on it belongs to the user.
RUN python3 -m venv --without-pip /opt/venv \
    && echo /app > "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/app.pth" \
    && groupadd --gid 1000 job \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin job \
    && install --directory --owner job --group job /tmp/huggingface

# Whatever a library wants to write goes below /tmp, so that `--read-only --tmpfs /tmp` works; USER is for
# libraries that ask for the user's name, also where the container runs as a number that has none.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    USER=job \
    HOME=/tmp \
    HF_HOME=/tmp/huggingface \
    MPLCONFIGDIR=/tmp/matplotlib \
    TORCHINDUCTOR_CACHE_DIR=/tmp/torchinductor \
    TRITON_CACHE_DIR=/tmp/triton

ARG BASE_IMAGE
LABEL org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.vendor="MedMCQA pipeline" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

WORKDIR /tmp
USER 1000:1000
