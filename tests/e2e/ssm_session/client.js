// A shell by the npm package `ssm-session`, used as a page with a terminal would: what arrives is acknowledged and
// written out, and each line of the arguments is typed when the screen has shown the one before.
const { ssm } = require("ssm-session");

const [url, token, ...lines] = process.argv.slice(2);
const socket = new WebSocket(url);
socket.binaryType = "arraybuffer";

socket.addEventListener("open", () => ssm.init(socket, { token, termOptions: { rows: 34, cols: 97 } }));
socket.addEventListener("message", ({ data }) => {
  const message = ssm.decode(data);
  ssm.sendACK(socket, message);
  if (message.messageType === "channel_closed") {
    socket.close();
  } else if (message.messageType === "output_stream_data" && message.payloadType === 1) {
    process.stdout.write(new TextDecoder().decode(message.payload));
    if (lines.length > 0) {
      ssm.sendText(socket, new TextEncoder().encode(lines.shift() + "\r"));
    }
  }
});
socket.addEventListener("error", () => process.exit(1));
