SELECT now FROM clock;
