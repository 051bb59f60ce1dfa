// Why a cell of the matrix is not green: by the part and the release of Debian.

export const REASONS: Readonly<Record<string, string>> = {};
