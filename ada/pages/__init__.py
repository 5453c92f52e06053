"""Building blocks of HTML pages: players, tables and charts."""
