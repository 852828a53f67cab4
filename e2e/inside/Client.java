import java.io.FileInputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A program that talks to the world as those of a JVM do. */
public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newBuilder().sslContext(trust(arguments[0])).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[1])).build();
        System.out.println(client.send(request, BodyHandlers.ofString()).statusCode());
        var many = IntStream.range(0, 50).mapToObj(n -> client.sendAsync(request, BodyHandlers.ofString())).toList();
        System.out.println(many.stream().filter(one -> one.join().statusCode() == 200).count());
        System.out.println(channel("203.0.113.10"));
        System.out.println(channel("2001:db8::10"));
        System.out.println(plain("169.254.169.254", 80));
        System.out.println(plain("203.0.113.10", 11));
    }

    private static SSLContext trust(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(file)));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    /** Of java.nio, which does not wait. */
    private static String channel(String address) throws Exception {
        try (SocketChannel channel = SocketChannel.open()) {
            channel.configureBlocking(false);
            channel.connect(new InetSocketAddress(address, 7));
            while (!channel.finishConnect()) {
                Thread.sleep(1);
            }
            channel.configureBlocking(true);
            channel.write(ByteBuffer.wrap("hello".getBytes()));
            ByteBuffer answer = ByteBuffer.allocate(5);
            channel.read(answer);
            return new String(answer.array());
        }
    }

    private static String plain(String address, int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address, port), 3000);
            return "connected";
        } catch (Exception error) {
            return error.getClass().getSimpleName();
        }
    }
}
