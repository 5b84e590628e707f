"""How what records say is shown: tables, figures, pages."""
