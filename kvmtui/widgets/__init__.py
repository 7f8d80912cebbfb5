"""What the screens are made of: widgets that know no backend."""
