# placeholder until the profiles land
