# Grading in a container: no network, nothing to write to but the grades, limits.
#
#   docker build -t gradient-koans .
#   mkdir -p -m 777 grades
#   docker run --rm --network none --read-only --cap-drop ALL \
#       --security-opt no-new-privileges --pids-limit 512 --memory 4g --cpus 2 \
#       --tmpfs /tmp:size=512m -v "$PWD/submissions:/submissions:ro" \
#       -v "$PWD/grades:/grades" gradient-koans \
#       grade /submissions --out /grades --jobs 2
#
# --network none     what got out of a koan could ask nobody and tell nobody
# --read-only        the course, its solutions and the engine can't be changed
# --cap-drop ALL, no-new-privileges
#                    nobody in it is root (see USER) or can become it
# --pids-limit 512   a flood of processes stays inside; one worker may have 64 threads
# --memory 4g        for all of it: 1 GB, and 1 GB more for each of --jobs, which is
#                    what a worker may take before it is ended
# --cpus 2           and --jobs 2: a container sees all of the machine's cores
# --tmpfs /tmp       scraps: forgotten with the container
#
# It does not protect from a hole in the kernel or in Docker, nor the grades/ of one
# class from an answer in it: that is what the fence around each worker is for, which
# holds in here as well. A roster is mounted as a further volume, read-only.

FROM python:3.12-slim

# Torch without CUDA, from PyTorch's own index: a tenth of the size.
RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu

WORKDIR /course
COPY pyproject.toml README.md LICENSE conftest.py ./
COPY sensei sensei
COPY koans koans
COPY course course
COPY solutions solutions
RUN pip install --no-cache-dir --editable ".[grade]" \
    && python -m compileall -q sensei koans course

ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1
# A user that the host has not: limits on processes count all of a user's, everywhere.
USER 10001:10001
ENTRYPOINT ["sensei"]
CMD ["grade", "/submissions", "--out", "/grades"]
