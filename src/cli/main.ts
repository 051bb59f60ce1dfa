#!/usr/bin/env node
// The program: its process is set up (thrift.ts), then its command line is carried out (command-line.ts).

import './thrift.js';
import { main } from './command-line.js';

void main();
