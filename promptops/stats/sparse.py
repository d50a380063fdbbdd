"""Rows of mostly zeros: the few products that texts need. The only place that meets scipy.

`scipy.sparse` adds 0.04 s to a start, so it is imported where a matrix is first made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class SparseRows:
    """A matrix (rows, columns) of which only the entries that aren't 0 are kept."""

    def __init__(self, matrix: csr_matrix) -> None:
        self._matrix = matrix

    @classmethod
    def of(
        cls, rows: npt.ArrayLike, columns: npt.ArrayLike, values: npt.ArrayLike, shape: tuple[int, int]
    ) -> SparseRows:
        """Make a matrix from its entries; those at the same place add up."""
        from scipy.sparse import coo_matrix

        matrix = coo_matrix(
            (np.asarray(values, dtype=np.float64), (np.asarray(rows), np.asarray(columns))), shape
        )
        return cls(matrix.tocsr())

    @classmethod
    def of_dense(cls, rows: Floats) -> SparseRows:
        """Make a matrix from all its entries, zeros too."""
        from scipy.sparse import csr_matrix

        return cls(csr_matrix(rows))

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns there are."""
        return cast("tuple[int, int]", self._matrix.shape)

    def column_counts(self) -> Ints:
        """Return in how many rows each column has an entry."""
        return np.bincount(self._matrix.indices, minlength=self.shape[1])

    def take(self, rows: npt.ArrayLike) -> SparseRows:
        """Return some rows, in the order asked for."""
        return SparseRows(self._matrix[np.asarray(rows)])

    def columns(self, chosen: npt.ArrayLike) -> SparseRows:
        """Return some columns, in the order asked for."""
        return SparseRows(self._matrix[:, np.asarray(chosen)])

    def scaled(self, columns: Floats) -> SparseRows:
        """Return the matrix with each column multiplied."""
        result = self._matrix.copy()
        result.data *= columns[result.indices]
        return SparseRows(result)

    def sublinear(self) -> SparseRows:
        """Return the matrix with each count c as 1 + ln c."""
        result = self._matrix.copy()
        result.data = 1.0 + np.log(result.data)
        return SparseRows(result)

    def normalised(self) -> SparseRows:
        """Return the matrix with each row of length 1; empty rows stay empty."""
        result = self._matrix.copy()
        owners = np.repeat(np.arange(self.shape[0]), np.diff(result.indptr))
        lengths = np.sqrt(np.bincount(owners, weights=result.data**2, minlength=self.shape[0]))
        result.data /= np.where(lengths > 0, lengths, 1.0)[owners]
        return SparseRows(result)

    def times(self, dense: Floats) -> Floats:
        """Return self @ dense."""
        return np.asarray(self._matrix @ dense)

    def transposed_times(self, dense: Floats) -> Floats:
        """Return self.T @ dense."""
        return np.asarray(self._matrix.T @ dense)

    def row_counts(self) -> Floats:
        """Return how many entries each row has."""
        counts: Floats = np.diff(self._matrix.indptr).astype(np.float64)
        return counts

    def overlaps(self, other: SparseRows) -> Floats:
        """Return in how many columns rows of this and of the other both have an entry, (rows, rows)."""
        mine, others = self._matrix.copy(), other._matrix.copy()
        mine.data[:], others.data[:] = 1.0, 1.0
        return np.asarray((mine @ others.T).toarray())

    def gram(self) -> Floats:
        """Return self @ self.T as a dense matrix (rows, rows)."""
        return np.asarray((self._matrix @ self._matrix.T).toarray())

    def dense(self) -> Floats:
        """Return all entries, zeros too."""
        return np.asarray(self._matrix.toarray())
