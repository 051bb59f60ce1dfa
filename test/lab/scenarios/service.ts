// The service as `sudo make install` leaves it, as test/service tries it on this machine's kernel, with real tunnels.
import { scenario } from '../../support/lab.js';
import { serviceTests } from '../../support/service-tests.js';

// A dockerd that starts meanwhile would take the guest for a host of systemd.
scenario('service', serviceTests, { docker: true });
