// A Docker whose networks are what a test says, and that counts how often it was asked.
import { DockerClient, type DockerNetwork } from '../../src/driver/lifecycle/docker-networks.js';

export class FakeDocker extends DockerClient {
  asked = 0;
  constructor(readonly answer: (n: number) => DockerNetwork[]) {
    super({ socketPath: '/nowhere' });
  }
  override async networks(): Promise<DockerNetwork[]> {
    return this.answer(++this.asked);
  }
}
