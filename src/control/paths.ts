// Where the daemon's locks and its control socket are: known to it and to the commands that ask it, which load nothing else of
// it. Pure.

/** Of the daemon's locks and sockets. */
export const RUN_DIR = '/run/dwgd';
export const CONTROL_NAME = 'control.sock';
export const CONTROL_SOCKET = `${RUN_DIR}/${CONTROL_NAME}`;
