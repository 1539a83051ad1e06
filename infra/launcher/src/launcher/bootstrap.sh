# What a job of IMAGE=auto does before it is one: in an image with Python and git, it fetches one commit, installs what its
# service needs from the lock of that commit, and becomes the job, which gets the signals then.
#   CODE_REPOSITORY, CODE_COMMIT   where from, and which
#   CODE_PROJECTS                  folders of our own projects: "shared services/sft-trainer"
#   "$@"                           the job's command
set -euf

# A network that fails once must not cost a whole job.
try() {
    "$@" || { sleep 5 && "$@"; } || { sleep 20 && "$@"; }
}

fetch() {
    # Some servers give a single commit to nobody: everything, then.
    git -C "$code" fetch --quiet --depth 1 "$CODE_REPOSITORY" "$CODE_COMMIT" ||
        git -C "$code" fetch --quiet "$CODE_REPOSITORY" "+refs/*:refs/fetched/*"
}

install() {
    try "$code/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes "$@"
}

code=$(mktemp -d)
export GIT_TERMINAL_PROMPT=0
echo "Installing $CODE_PROJECTS from $CODE_REPOSITORY at $CODE_COMMIT."
git init --quiet "$code"
try fetch
git -C "$code" -c advice.detachedHead=false checkout --quiet "$CODE_COMMIT"

# The lock's own pip first: older ones take no hashes from a file of constraints.
python3 -m venv "$code/.venv"
sed -n '/^pip==/,/[^\]$/p' "$code/constraints.txt" >"$code/.venv/pip.txt"
install --requirement "$code/.venv/pip.txt"
"$code/.venv/bin/python" "$code/infra/lock/requirements.py" $CODE_PROJECTS >"$code/.venv/requirements.txt"
install --only-binary :all: --constraint "$code/constraints.txt" --requirement "$code/.venv/requirements.txt"

# Our own code runs from the checkout, so that its fingerprint is the commit's.
for project in $CODE_PROJECTS; do
    PYTHONPATH=$code/$project/src${PYTHONPATH:+:$PYTHONPATH}
done
export PYTHONPATH PATH="$code/.venv/bin:$PATH" PYTHONUNBUFFERED=1
echo "Installed."
exec "$@"
