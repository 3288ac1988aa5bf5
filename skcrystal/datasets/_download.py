"""Download of files into a cache folder, checked at each call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

# Times that a transfer is tried again, after waits of one second, two, and so on
RETRIES = 2


def download(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    check: Callable[[Path], Any] | None = None,
) -> Path:
    """Make sure that the file at `path` is there, and is the published one.

    Parameters
    ----------
    url : str
        Where it is published.
    path : Path
        Path in the cache. A file that fails a check is fetched again.
    sha256 : str, optional
        Checksum of the file.
    check : callable, optional
        Reads the file, and raises a ValueError if its content is not as expected: for
        files whose checksum is not known, but whose content is.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OSError
        If the file cannot be had. The message gives its address and where to copy it to
        by hand.
    """
    import pooch

    transfer = pooch.HTTPDownloader(timeout=30)

    def transfer_and_check(url: str, output: str, cache: Any) -> None:
        transfer(url, output, cache)
        if check is not None:
            check(Path(output))

    if check is not None and path.is_file():
        try:
            check(path)
        except ValueError:
            path.unlink()
    cache = pooch.create(
        path=path.parent,
        base_url="",
        registry={path.name: sha256 and f"sha256:{sha256}"},
        urls={path.name: url},
        retry_if_failed=RETRIES,
    )
    try:
        cache.fetch(path.name, downloader=transfer_and_check)
    except (OSError, ValueError) as error:  # ValueErrors are those of the two checks
        raise OSError(
            f"{path.name} could not be downloaded. Try again, or copy {url} to {path} "
            f"by hand. ({error})"
        ) from None  # urllib3's chain of errors adds pages without information
    return path
