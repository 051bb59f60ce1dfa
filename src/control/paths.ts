// Where the control socket is: known to the daemon and to the commands that ask it, which load nothing else of it. Pure.

/** In the folder of the daemon's locks (native/lock-file.ts). */
export const CONTROL_NAME = 'control.sock';
export const CONTROL_SOCKET = `/run/dwgd/${CONTROL_NAME}`;
