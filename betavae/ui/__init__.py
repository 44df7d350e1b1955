"""The web app: one file a tab, and what they share. Nothing else imports this package."""
