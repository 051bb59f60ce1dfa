// The service under a real systemd, in a copy of this machine that is thrown away. `make service`
import { describe } from 'node:test';
import { serviceTests } from '../support/service-tests.js';

describe('the service', { timeout: 400_000 }, serviceTests);
