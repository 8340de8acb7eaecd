import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpServer;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpServerConfiguration;
import org.apache.camel.main.Main;

/** Apache Camel with one route; see route.yaml. The JVM compiles this file when it starts it. */
public class Serve {
    public static void main(String[] arguments) throws Exception {
        VertxPlatformHttpServerConfiguration http = new VertxPlatformHttpServerConfiguration();
        http.setBindHost("127.0.0.1");
        http.setBindPort(Integer.parseInt(System.getenv("PORT")));
        Main main = new Main();
        main.configure().withRoutesIncludePattern("file:" + arguments[0]);
        main.addMainListener(new org.apache.camel.main.MainListenerSupport() {
            @Override
            public void beforeConfigure(org.apache.camel.main.BaseMainSupport starting) {
                try {
                    starting.getCamelContext().addService(new VertxPlatformHttpServer(http));
                } catch (Exception failed) {
                    throw new IllegalStateException(failed);
                }
            }
        });
        main.run();
    }
}
