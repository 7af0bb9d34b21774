// What a bundler for web pages finds instead of the SDK.
throw new Error(
  '@casehug/clio-sync runs on a server: it holds the secrets of your Clio app, which a page would show to everybody.',
);
